"""Lets the assertions of the inherited suites explain themselves."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("contract.bus_conformance")

"""`reelscope models`: over the manifests of all services."""

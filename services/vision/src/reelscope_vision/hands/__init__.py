"""Hands: following them, their landmarks, and what they show."""

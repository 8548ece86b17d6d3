"""Plays bursts and streams of pictures against the stacks' own numbers."""

"""Plays bursts and streams of images against the stacks' own numbers."""

"""Generating text: settings, processors of scores, criteria that end it, streamers and searches."""

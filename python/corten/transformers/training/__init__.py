"""Parts of the Trainer."""

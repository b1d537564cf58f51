"""What is done to runs and activities: once, written down, and told as it then is."""

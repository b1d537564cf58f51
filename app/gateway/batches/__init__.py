"""What is done to many: by name at once, or by filter as a durable batch."""

"""What a deployment would change, told before it happens."""

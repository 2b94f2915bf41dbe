"""What differs between warehouses."""

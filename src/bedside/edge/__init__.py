"""What runs on the device: numpy and one runtime, nothing else of this project."""

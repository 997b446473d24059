"""The trunk with its three heads, the devices it runs on and the weights file."""

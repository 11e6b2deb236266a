"""LIFECYCLE of instances: registration, heartbeat, and what happens to those that fall silent."""

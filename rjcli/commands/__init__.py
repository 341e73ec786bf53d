"""What each command does once its options are settings. Each returns an exit code."""

"""DLR's usage counters. The original sends data home; here there is nothing to send and nothing to turn off."""

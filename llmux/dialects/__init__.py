"""What is said: each API's wire language <-> the IR. Pure; no dialect knows another."""

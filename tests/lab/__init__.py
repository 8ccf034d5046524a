"""Real hosts on one machine: boot, run, break, heal, snapshot. See README.md here."""

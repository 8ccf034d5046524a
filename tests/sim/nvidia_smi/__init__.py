"""A simulated `nvidia-smi`, standard library only: its messages, formats and exit codes, no device behind it.

Installed on lab hosts as one executable zip. What it shows lies in a state file that faults change; which
processes hold a device, and how much memory, follows the real processes of the host.
"""

"""From a canonical CT to the network's target and its two x-rays."""

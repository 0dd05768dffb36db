"""Records that say how every artifact was made, and their audit."""

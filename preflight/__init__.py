"""What is asked of the cluster, and refused, before anything is declared."""

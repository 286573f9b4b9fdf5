"""`serverless-mesh config new`: a stack file from what a cluster has."""

"""`serverless-mesh render`: from a preview of the engine to a folder for Argo CD or Flux."""

"""`serverless-mesh report`: a preview of the engine, as one comment of a review."""

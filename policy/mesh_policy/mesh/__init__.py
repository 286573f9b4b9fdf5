"""The meshes that objects form, and the one of Serverless."""

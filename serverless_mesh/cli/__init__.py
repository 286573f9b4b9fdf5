"""The console script `serverless-mesh`: thin over the program and the policy pack."""

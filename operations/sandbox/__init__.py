"""A stand-in for the Eniscope service on loopback, for trying and testing. No stage of the pipeline imports it."""

"""What chains and tends the stages: wrappers, the embedded database, the sandbox."""

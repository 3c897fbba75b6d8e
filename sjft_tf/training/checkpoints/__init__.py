"""What is kept of a training, so that a process that ends anywhere can be followed by one that goes on.

- `model_files`: weights and optimizer of one moment, with their digests.
- `rounds`: finished rounds. `steps`: checkpoints within a round.
- `policy`: `CheckpointPolicy`, what is kept, how often, and which state is the last one.
- `callback`: `StepCheckpoints`, which writes checkpoints while Keras trains.
"""

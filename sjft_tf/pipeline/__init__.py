"""The whole job put together from the stages of the package, in rooms:

- `inputs`, `networks`: what a run works with.
- `checking`: everything that can be judged before anything is written.
- `stages`: each finds its artifact in the workdir or makes it.
- `pruning`, `comparing`: the two larger jobs beside a run.
- `programs`: what scripts/ and `sjft_tf.api` call.
"""

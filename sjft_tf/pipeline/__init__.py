"""The whole job put together from the stages of the package, in rooms:

- `inputs`, `networks`: what a run works with; `finished_run`: what it leaves, told, restored, exported.
- `checking`: everything that can be judged before anything is written.
- `stages`: each finds its artifact in the workdir or makes it.
- `pruning`, `comparing`: the two larger jobs beside a run; `inspection`, `answering`: what only one program needs.
- `programs`: one file for each of scripts/, which calls it and nothing else; `sjft_tf.api` calls the same.
"""

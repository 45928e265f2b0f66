"""The history of the schema: each file in `versions` is one step, and none of them imports anything of ours."""

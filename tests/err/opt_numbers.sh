# Passes that compute with constants leave alone what has no numbers, and say so.
cd "$WORK" || exit
printf 'graph @g (%%x: f32[1,4]) -> (%%y: f32[1,4]) {\n  const @w : f32[4,4]\n  const @b : f32[4]\n  %%1 = linear %%x, @w : f32[1,4]\n  %%y = bias %%1, @b : f32[1,4]\n}\n' >net.dsq
"$DSQC" opt net.dsq --passes=fold-batch-norm

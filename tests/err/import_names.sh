# The names that import cannot write a spec to: the model's own, the weights' beside it, none.
for o in w.onnx v.safetensors sub/ -; do
    "$DSQC" import w.onnx -o "$o"
    echo "$o: $?"
done

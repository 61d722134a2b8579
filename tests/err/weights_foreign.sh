# Weights of other programs: what the file is, and how to make a .npz of it.
spec=specs/tiny/lenet.yaml
printf '\x80\x02}q\x00.' >"$WORK/old.pth"
printf '\x89HDF\r\n\x1a\n....' >"$WORK/it's.h5"
printf '\x1c\0\0\0TFL3....' >"$WORK/m.tflite"
printf '\x08\x07\x12\x04dsqc' >"$WORK/m.onnx"
printf 'leveldb' >"$WORK/model.ckpt.index"
printf 'numbers' >"$WORK/model.ckpt.data-00000-of-00001"
printf 'anything else' >"$WORK/m.bin"
(cd "$WORK" && mkdir archive && printf x >archive/data.pkl && /usr/bin/python3 -m zipfile -c net.pt archive)
for f in old.pth "it's.h5" m.tflite m.onnx model.ckpt.index model.ckpt.data-00000-of-00001 m.bin net.pt; do
    "$DSQC" info $spec --weights "$WORK/$f"
done

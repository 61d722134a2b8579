# Where it was looked for, and the nearest name there.
printf "include: modules/squeeze.yaml\n%s\nnetwork: [relu]\n" "input: {x0: 'f32[1,3,8,8]'}" >"$WORK/a.yaml"
mkdir "$WORK/modules" && echo 'modules: {}' >"$WORK/modules/squeezed.yaml"
DSQC_SPECS=specs "$DSQC" info "$WORK/a.yaml"

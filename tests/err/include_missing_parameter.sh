# The name comes from a parameter, the nearest one from the installed specs.
DSQC_SPECS=specs "$DSQC" info specs/resnet18.yaml --set unit=squar_excitation

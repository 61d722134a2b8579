#ifndef DSQ_PEAK_H
#define DSQ_PEAK_H
/* The single-precision multiply-add peak of this machine, measured. */

typedef struct Peak { double gflops; const char *isa; } Peak;
enum { ANY_LANES = 1 << 20 };
/* The peak in GFLOP/s, all threads together, of this processor's best instruction set whose vectors have at most so
   many lanes. Takes about 0.1 s. */
Peak measure_peak(int threads, int lanes);
#endif

#ifndef DSQ_LLVM_API_H
#define DSQ_LLVM_API_H
/* LLVM-C, loaded when it is needed: most commands do not use LLVM, and its constructors take longer than those
   commands. Calls are written as usual. llvm_api.h, which api.sh generates, makes them go through pointers. */
#include <llvm-c/Analysis.h>
#include <llvm-c/Core.h>
#include <llvm-c/DebugInfo.h>
#include <llvm-c/Error.h>
#include <llvm-c/ErrorHandling.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>

#include "llvm_api.h"
#endif

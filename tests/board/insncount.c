/* QEMU plugin: the instructions executed from the first one at address start to that at address stop, each time.

     cc -shared -fPIC -O2 -o insncount.so insncount.c
     qemu-... -plugin insncount.so,start=0xADDR,stop=0xADDR -d plugin -D FILE ...

   The interface (QEMU's docs/devel/tcg-plugins, version 1: 4.2 to 8.x) is declared here, because Debian has plugins
   enabled but does not package qemu-plugin.h. */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef struct qemu_info qemu_info;
enum { CB_NO_REGS = 0, INLINE_ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*cb)(plugin_id id, struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*cb)(unsigned vcpu, void *user),
                                            int flags, void *user);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *p, uint64_t add);
void qemu_plugin_outs(const char *s);
int qemu_plugin_install(plugin_id id, const qemu_info *info, int argc, char **argv);
extern const int qemu_plugin_version;
const int qemu_plugin_version = 1;

static uint64_t executed, began, start_pc, stop_pc;

static void on_start(unsigned vcpu, void *user)
{
    (void)vcpu, (void)user;
    began = executed;
}

static void on_stop(unsigned vcpu, void *user)
{
    char line[64];
    (void)vcpu, (void)user;
    snprintf(line, sizeof line, "instructions %" PRIu64 "\n", executed - began);
    qemu_plugin_outs(line);
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0, n = qemu_plugin_tb_n_insns(tb); i < n; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t pc = qemu_plugin_insn_vaddr(insn);
        if (pc == start_pc)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_start, CB_NO_REGS, NULL);
        if (pc == stop_pc)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_stop, CB_NO_REGS, NULL);
        qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64, &executed, 1);
    }
}

int qemu_plugin_install(plugin_id id, const qemu_info *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) /* nm sets bit 0 on Thumb functions */
        if (!strncmp(argv[i], "start=", 6))
            start_pc = strtoull(argv[i] + 6, NULL, 0) & ~1ull;
        else if (!strncmp(argv[i], "stop=", 5))
            stop_pc = strtoull(argv[i] + 5, NULL, 0) & ~1ull;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}

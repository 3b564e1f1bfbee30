/* emulate_tiles.h - the tile instructions of AMX that bf16_square.c uses, for
 * processors without them: they trap, are decoded and done here (Intel, Architecture
 * Instruction Set Extensions, chapter 3). One set of tiles a thread. x86-64 Linux. */
#ifndef EMULATE_TILES_H
#define EMULATE_TILES_H

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} emulated_config;

static __thread emulated_config config;
static __thread uint8_t tile[8][16][64];

/* A VEX-coded instruction with its operand in memory or in registers. */
typedef struct {
    int opcode, pp, reg, rm, vvvv, in_memory, length;
    uint8_t *at;   /* base + displacement */
    int64_t index; /* the scaled index: a distance between rows */
} instruction;

static int64_t general(const ucontext_t *u, int n)
{
    static const int reg[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                              REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                              REG_R12, REG_R13, REG_R14, REG_R15};
    return u->uc_mcontext.gregs[reg[n]];
}

/* 0: none of those that are emulated. */
static int decode(const ucontext_t *u, instruction *i)
{
    const uint8_t *p = (const uint8_t *)u->uc_mcontext.gregs[REG_RIP];
    enum { OF38 = 2, HAS_SIB = 4, NO_BASE = 5 };
    if (p[0] != 0xc4 || (p[1] & 0x1f) != OF38 || (p[2] & 0x84) != 0)
        return 0;
    int x = (~p[1] >> 6 & 1) * 8, b = (~p[1] >> 5 & 1) * 8, mod = p[4] >> 6;
    *i = (instruction){.opcode = p[3],
                       .pp = p[2] & 3,
                       .vvvv = ~p[2] >> 3 & 15,
                       .reg = p[4] >> 3 & 7,
                       .rm = p[4] & 7,
                       .in_memory = mod != 3,
                       .length = 5};
    if (!i->in_memory)
        return 1;
    int base = i->rm;
    if (i->rm == HAS_SIB) {
        int index = (p[5] >> 3 & 7) + x;
        base = p[5] & 7;
        i->index = index == 4 ? 0 : general(u, index) * (1 << (p[5] >> 6));
        i->length++;
    }
    if (base == NO_BASE && mod == 0)
        return 0; /* absolute: compilers have no use for it here */
    int64_t at = general(u, base + b);
    int32_t displacement = 0;
    if (mod == 1)
        displacement = (int8_t)p[i->length];
    else if (mod == 2)
        memcpy(&displacement, p + i->length, 4);
    i->length += mod == 1 ? 1 : mod == 2 ? 4 : 0;
    i->at = (uint8_t *)(at + displacement);
    return 1;
}

static float float_of(const uint8_t *bf16)
{
    uint16_t half;
    memcpy(&half, bf16, sizeof half);
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* C += A B, pairs along k side by side in B. */
static void multiply(int c, int a, int b)
{
    for (int m = 0; m < config.rows[c]; m++)
        for (int k = 0; k < config.row_bytes[a] / 4; k++)
            for (int n = 0; n < config.row_bytes[c] / 4; n++) {
                float sum;
                memcpy(&sum, &tile[c][m][4 * n], sizeof sum);
                sum += float_of(&tile[a][m][4 * k]) * float_of(&tile[b][k][4 * n]);
                sum +=
                    float_of(&tile[a][m][4 * k + 2]) * float_of(&tile[b][k][4 * n + 2]);
                memcpy(&tile[c][m][4 * n], &sum, sizeof sum);
            }
}

static int execute(const instruction *i)
{
    enum { NONE, P66, F3, F2 };
    if (i->opcode == 0x49 && i->pp == NONE && i->in_memory)
        memcpy(&config, i->at, sizeof config);
    else if (i->opcode == 0x49 && i->pp == NONE)
        config = (emulated_config){0};
    else if (i->opcode == 0x49 && i->pp == F2)
        memset(tile[i->reg], 0, sizeof tile[i->reg]);
    else if (i->opcode == 0x4b && i->pp == F2)
        for (int r = 0; r < config.rows[i->reg]; r++)
            memcpy(tile[i->reg][r], i->at + r * i->index, config.row_bytes[i->reg]);
    else if (i->opcode == 0x4b && i->pp == F3)
        for (int r = 0; r < config.rows[i->reg]; r++)
            memcpy(i->at + r * i->index, tile[i->reg][r], config.row_bytes[i->reg]);
    else if (i->opcode == 0x5c && i->pp == F3)
        multiply(i->reg, i->rm, i->vvvv);
    else
        return 0;
    return 1;
}

static void on_illegal(int signal, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    instruction i;
    (void)signal;
    (void)info;
    if (!decode(u, &i) || !execute(&i))
        _exit(70);
    u->uc_mcontext.gregs[REG_RIP] += i.length;
}

static void emulate_tiles(void)
{
    struct sigaction act = {.sa_sigaction = on_illegal, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &act, NULL);
}

#endif

/* layer.h (internal) - a layer of attention, described once for training and for
 * sampling: what its sub-layers are, in which order, and how a residual takes them in.
 * build.c makes ops of the steps, gen_layer.c runs them on one row a stream; what they
 * do apart is attention alone, as one has a segment and gradients, the other keys and
 * values of what was. Internal. */
#ifndef BL_LAYER_H
#define BL_LAYER_H

#include "model/model_impl.h"
#include "nn/op/ops.h"

/* A weight is told by the offset of its field in bl_layer. */
#define BL_WEIGHT(field) offsetof(bl_layer, field)

enum { BL_LAYER_SLOTS = sizeof(bl_layer) / sizeof(bl_mat *) };

static inline bl_mat *bl_layer_mat(const bl_layer *l, size_t at)
{
    return *(bl_mat *const *)(const void *)((const char *)l + at);
}

/* Who makes the steps of layer n. Each takes matrices of rows and returns one, NULL
 * after a failure; what it took is used up, but for norm, linear and attention. Shapes
 * and meaning are those of the functions of the same names in ops.h. */
typedef struct bl_maker bl_maker;
struct bl_maker {
    const bl_model *m;
    void *who;                                          /* the maker's own */
    int n;                                              /* the layer */
    bl_mat *(*attention)(const bl_maker *k, bl_mat *x); /* its norm before it, too */
    bl_mat *(*cross)(const bl_maker *k, bl_mat *x); /* attention to the encoder's rows,
                                                     * its norm before it, too */
    bl_mat *(*norm)(const bl_maker *k, bl_mat *x, size_t gain, size_t bias);
    bl_mat *(*linear)(const bl_maker *k, bl_mat *x, size_t w);
    bl_mat *(*biased)(const bl_maker *k, bl_mat *x, size_t w, size_t bias, bl_act act,
                      double dropout);
    bl_mat *(*glu)(const bl_maker *k, bl_mat *x, bl_act act, double dropout);
    bl_mat *(*dropped)(const bl_maker *k, bl_mat *y, double dropout);
    bl_mat *(*residual)(const bl_maker *k, bl_mat *x, bl_mat *y, double dropout);
    bl_mat *(*modulate)(const bl_maker *k, bl_mat *s, bl_mat *x);
    bl_mat *(*gru)(const bl_maker *k, bl_mat *x, bl_mat *i, bl_mat *h);
    bl_mat *(*done)(const bl_maker *k, bl_mat *x); /* the end of a sub-layer */
};

/* The layer's output of its input x. */
bl_mat *bl_layer_make(const bl_maker *k, bl_mat *x);

#endif

/* places.h - what the tokens of a vocabulary do to the place in a bar (model/place.h),
 * told by their scheme. */
#ifndef BL_PLACES_H
#define BL_PLACES_H

#include "io/vocabulary.h"
#include "model/model.h"

/* *table [ids of the vocabulary], which the caller frees; NULL where the model does not
 * ask, or wants bars only where there are any. BL_E_ARG where the scheme has no bars.
 */
int bl_places_of(bl_token_place **table, const bl_model_config *c,
                 const bl_vocab *vocab, bl_err *e) BL_MUST_CHECK;

#endif

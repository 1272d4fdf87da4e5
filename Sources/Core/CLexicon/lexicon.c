#include "lexicon.h"

// Embedded, so that the tool is one file and no path can be wrong. The directive is C23's; clang has it in every mode.
#pragma clang diagnostic ignored "-Wc23-extensions"
static const unsigned char text[] = {
#embed "lexicon.txt"
};

const unsigned char *lexicon_text(void) { return text; }

size_t lexicon_length(void) { return sizeof text; }

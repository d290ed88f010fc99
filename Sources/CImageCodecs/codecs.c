#include "hpa_image_codecs.h"

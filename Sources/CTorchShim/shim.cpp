#include "hpa_torch.h"

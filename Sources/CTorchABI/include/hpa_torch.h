#ifndef HPA_TORCH_H
#define HPA_TORCH_H
#endif

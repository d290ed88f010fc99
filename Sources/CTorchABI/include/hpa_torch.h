// The border between Swift and LibTorch: one exported symbol, which returns a table of functions.
//
// The table keeps LibTorch out of the executable: the library that fills it is opened when a network is first needed, and
// another build of LibTorch (CUDA) is another library behind the same table.
//
// The law of every function: it throws nothing. Where it fails, it sets error->code and error->message, and what it returns is
// null or zero. Tensors, generators and guards that are returned belong to the caller, who gives them back with the matching
// `free` function; those passed in stay the caller's.
#ifndef HPA_TORCH_H
#define HPA_TORCH_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Raised with every change of the table.
#define HPA_TORCH_ABI_VERSION 6

enum {
  HPA_TORCH_OK = 0,
  HPA_TORCH_BAD_ARGUMENT = 1,  // LibTorch refused shapes, types or devices
  HPA_TORCH_NO_MEMORY = 2,
  HPA_TORCH_OTHER = 3,
};

enum { HPA_TORCH_CPU = 0, HPA_TORCH_CUDA = 1 };

enum {
  HPA_TORCH_FLOAT32 = 0,
  HPA_TORCH_FLOAT64 = 1,
  HPA_TORCH_FLOAT16 = 2,
  HPA_TORCH_BFLOAT16 = 3,
  HPA_TORCH_UINT8 = 4,
  HPA_TORCH_INT64 = 5,
  HPA_TORCH_BOOL = 6,
};

enum { HPA_TORCH_MAXIMUM = 0, HPA_TORCH_MEAN = 1, HPA_TORCH_MEAN_OF_IMAGE = 2 };

enum { HPA_TORCH_NO_GRADIENT = 0, HPA_TORCH_INFERENCE = 1, HPA_TORCH_AUTOCAST_CPU = 2, HPA_TORCH_AUTOCAST_CUDA = 3 };

typedef struct HPATensor HPATensor;
typedef struct HPAGenerator HPAGenerator;
typedef struct HPAGuard HPAGuard;
typedef struct HPAConvolution HPAConvolution;

typedef struct {
  int32_t code;
  char *message;  // from malloc; given back with free_message
} HPATorchError;

typedef struct {
  int32_t type;
  int32_t index;
} HPADevice;

// Height before width.
typedef struct {
  int64_t height;
  int64_t width;
} HPAPair;

// Channels of a joined output of several branches, from `first` on. The first operation to write makes it: its `joint` is null. Where `channels`
// is 0, the operation has an output of its own.
typedef struct {
  HPATensor *joint;
  int64_t channels;
  int64_t first;
} HPAChannelPlace;

typedef struct {
  uint32_t abi_version;
  uint32_t size;
  const char *torch_version;

  // Owned things.
  void (*free_message)(char *message);
  void (*free_tensor)(HPATensor *tensor);
  void (*free_generator)(HPAGenerator *generator);
  void (*free_convolution)(HPAConvolution *convolution);
  // Guards are of the thread that made them; they are freed there, last one first.
  void (*free_guard)(HPAGuard *guard);
  HPAGuard *(*make_guard)(int32_t kind, HPATorchError *error);
  HPAGenerator *(*make_generator)(uint64_t seed, HPADevice device, HPATorchError *error);

  // The process.
  void (*set_threads)(int32_t count, HPATorchError *error);
  int32_t (*cuda_devices)(void);
  bool (*has_bfloat16_convolutions)(void);

  // Making tensors. `bytes` are copied.
  HPATensor *(*from_bytes)(const void *bytes, const int64_t *shape, int64_t rank, int32_t type, HPADevice device, HPATorchError *error);
  HPATensor *(*full)(const int64_t *shape, int64_t rank, double value, int32_t type, HPADevice device, HPATorchError *error);
  HPATensor *(*uniform)(const int64_t *shape, int64_t rank, double low, double high, HPAGenerator *generator, HPADevice device, HPATorchError *error);
  HPATensor *(*normal)(const int64_t *shape, int64_t rank, double mean, double deviation, HPAGenerator *generator, HPADevice device, HPATorchError *error);

  // Asking tensors. `to_bytes` copies in row-major order; `byte_count` must be exact.
  int64_t (*rank)(HPATensor *tensor);
  int64_t (*length)(HPATensor *tensor, int64_t dimension);
  int32_t (*type)(HPATensor *tensor);
  HPADevice (*device)(HPATensor *tensor);
  bool (*is_channels_last)(HPATensor *tensor);
  void (*to_bytes)(HPATensor *tensor, void *bytes, int64_t byte_count, HPATorchError *error);
  double (*item)(HPATensor *tensor, HPATorchError *error);

  // Form.
  HPATensor *(*to_type)(HPATensor *tensor, int32_t type, HPATorchError *error);
  HPATensor *(*to_device)(HPATensor *tensor, HPADevice device, HPATorchError *error);
  HPATensor *(*to_channels_last)(HPATensor *tensor, HPATorchError *error);
  HPATensor *(*contiguous)(HPATensor *tensor, HPATorchError *error);
  HPATensor *(*clone)(HPATensor *tensor, HPATorchError *error);
  HPATensor *(*reshape)(HPATensor *tensor, const int64_t *shape, int64_t rank, HPATorchError *error);
  HPATensor *(*transpose)(HPATensor *tensor, int64_t first, int64_t second, HPATorchError *error);
  HPATensor *(*narrow)(HPATensor *tensor, int64_t dimension, int64_t start, int64_t length, HPATorchError *error);
  HPATensor *(*index_select)(HPATensor *tensor, int64_t dimension, HPATensor *indices, HPATorchError *error);
  HPATensor *(*concatenate)(HPATensor *const *tensors, int64_t count, int64_t dimension, HPATorchError *error);
  // In place, outside of autograd.
  void (*copy)(HPATensor *destination, HPATensor *source, HPATorchError *error);
  void (*add_in_place)(HPATensor *tensor, int64_t value, HPATorchError *error);

  // Arithmetic.
  HPATensor *(*add)(HPATensor *left, HPATensor *right, double scale_of_right, HPATorchError *error);
  HPATensor *(*multiply)(HPATensor *left, HPATensor *right, HPATorchError *error);
  HPATensor *(*scale)(HPATensor *tensor, double factor, HPATorchError *error);
  HPATensor *(*divide)(HPATensor *left, HPATensor *right, HPATorchError *error);
  HPATensor *(*matrix_product)(HPATensor *left, HPATensor *right, HPATorchError *error);
  HPATensor *(*sum)(HPATensor *tensor, HPATorchError *error);
  HPATensor *(*mean)(HPATensor *tensor, HPATorchError *error);
  HPATensor *(*l2_normalize)(HPATensor *tensor, int64_t dimension, double epsilon, HPATorchError *error);
  bool (*all_finite)(HPATensor *tensor, HPATorchError *error);

  // Networks.
  HPATensor *(*relu)(HPATensor *input, HPATorchError *error);
  HPATensor *(*sigmoid)(HPATensor *input, HPATorchError *error);
  HPATensor *(*linear)(HPATensor *input, HPATensor *weight, HPATensor *bias, HPATorchError *error);
  HPATensor *(*convolution)(HPATensor *input, HPATensor *weight, HPATensor *bias, HPAPair stride, HPAPair padding, int64_t groups, HPATorchError *error);
  HPATensor *(*batch_norm)(HPATensor *input, HPATensor *weight, HPATensor *bias, HPATensor *running_mean, HPATensor *running_variance, bool is_training, bool is_rectified, double momentum, double epsilon, HPATorchError *error);
  HPATensor *(*max_pool)(HPATensor *input, HPAPair kernel, HPAPair stride, HPAPair padding, bool rounds_up, HPATorchError *error);
  HPATensor *(*average_pool)(HPATensor *input, HPAPair kernel, HPAPair stride, HPAPair padding, bool rounds_up, bool counts_padding, HPATorchError *error);
  HPATensor *(*adaptive_average_pool)(HPATensor *input, HPAPair output, HPATorchError *error);
  HPATensor *(*dropout)(HPATensor *input, double probability, HPAGenerator *generator, HPATorchError *error);
  // Weights of a convolution of rectified images: what one loses by rounding is added to the next of the same output.
  HPATensor *(*weights_in_bfloat16)(HPATensor *weight, HPATorchError *error);
  // Inference: a convolution's weights in the order that its kernel wants for inputs of this shape, and the convolution by such
  // weights with all that follows: `other` (or null) is added, and a rectifier.
  HPATensor *(*order_weights)(HPATensor *weight, const int64_t *input_shape, HPAPair stride, HPAPair padding, int64_t groups, HPATorchError *error);
  HPATensor *(*ordered_convolution)(HPATensor *input, HPATensor *ordered, HPATensor *bias, HPATensor *other, HPAPair stride, HPAPair padding, int64_t groups, bool is_rectified, HPATorchError *error);
  // The same by kernels of our own, for some processors. `depthwise` (or null) is a convolution of each channel alone that comes before, of the
  // input or of what a rectifier leaves of it; `image` is the size that is expected, and others will do. Null without an error where the other way has to be taken.
  HPAConvolution *(*make_convolution)(HPATensor *weight, HPATensor *bias, HPATensor *depthwise, bool rectifies_input, HPAPair stride, HPAPair padding, HPAPair image, int32_t type, HPATorchError *error);
  // What is returned is the joined output, where there is a place.
  HPATensor *(*convolve)(HPAConvolution *convolution, HPATensor *input, HPATensor *other, bool is_rectified, HPAChannelPlace place, HPATorchError *error);
  // A pool of 3 x 3 over channels-last images, then the bias (float32, or null) and a rectifier.
  HPATensor *(*pool_for_inference)(HPATensor *input, int32_t kind, int64_t stride, int64_t padding, bool rounds_up, HPATensor *bias, bool is_rectified, HPAChannelPlace place, HPATorchError *error);
  HPATensor *(*place)(HPATensor *tensor, HPAChannelPlace place, HPATorchError *error);
  HPATensor *(*multilabel_soft_margin_loss)(HPATensor *logits, HPATensor *targets, HPATorchError *error);
  HPATensor *(*binary_cross_entropy_with_logits)(HPATensor *logits, HPATensor *targets, HPATorchError *error);

  // Autograd. `gradient` is null where there is none yet.
  void (*require_gradient)(HPATensor *tensor, bool is_required, HPATorchError *error);
  bool (*requires_gradient)(HPATensor *tensor);
  void (*backward)(HPATensor *loss, HPATorchError *error);
  HPATensor *(*gradient)(HPATensor *tensor, HPATorchError *error);
  HPATensor *(*detach)(HPATensor *tensor, HPATorchError *error);

  // Optimisers: one call a step over all parameters; parameters without a gradient are passed over. State tensors begin as zeros.
  void (*clear_gradients)(HPATensor *const *parameters, int64_t count, HPATorchError *error);
  void (*sgd_step)(HPATensor *const *parameters, HPATensor *const *momenta, int64_t count, double learning_rate, double momentum, double weight_decay, bool is_nesterov, HPATorchError *error);
  void (*adam_step)(HPATensor *const *parameters, HPATensor *const *means, HPATensor *const *squares, int64_t count, int64_t step, double learning_rate, double beta1, double beta2, double epsilon, double weight_decay, HPATorchError *error);
  void (*rmsprop_step)(HPATensor *const *parameters, HPATensor *const *squares, int64_t count, double learning_rate, double alpha, double epsilon, double weight_decay, HPATorchError *error);
} HPATorchTable;

// The only symbol of the library.
__attribute__((visibility("default"))) const HPATorchTable *hpa_torch_table(void);

#ifdef __cplusplus
}
#endif
#endif

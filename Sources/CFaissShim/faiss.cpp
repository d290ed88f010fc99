// Faiss behind hpa_faiss.h. Thin: one call of Faiss a function.
#include "hpa_faiss.h"

#include <faiss/AutoTune.h>
#include <faiss/Index.h>
#include <faiss/impl/FaissException.h>
#include <faiss/impl/io.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <system_error>

// OpenMP's header belongs to the compiler that Faiss was built with, OpenBLAS's to another language.
extern "C" void omp_set_num_threads(int);
extern "C" void openblas_set_num_threads(int);

struct HPAFaissIndex {
  std::unique_ptr<faiss::Index> value;
};

namespace {

void report(HPAFaissError *error) noexcept {
  try {
    throw;
  } catch (const std::bad_alloc &) {
    *error = {HPA_FAISS_NO_MEMORY, strdup("not enough memory")};
  } catch (const faiss::FaissException &caught) {
    *error = {HPA_FAISS_REFUSED, strdup(caught.msg.c_str())};
  } catch (const std::exception &caught) {
    *error = {HPA_FAISS_REFUSED, strdup(caught.what())};
  } catch (...) {
    *error = {HPA_FAISS_REFUSED, strdup("an unknown exception")};
  }
}

// One thread: graphs that several threads build differ from run to run, and searches are divided among threads by the caller. The small
// matrix products of a training are many times slower where OpenBLAS wakes threads for each.
template <class Body>
auto run(HPAFaissError *error, Body body) noexcept -> decltype(body()) {
  try {
    omp_set_num_threads(1);
    openblas_set_num_threads(1);
    return body();
  } catch (...) {
    report(error);
    return decltype(body())();
  }
}

struct CloseFile {
  void operator()(FILE *file) const { std::fclose(file); }
};

std::unique_ptr<FILE, CloseFile> stream(int file, const char *mode) {
  const int copy = dup(file);
  FILE *opened = copy < 0 ? nullptr : fdopen(copy, mode);
  if (!opened) throw std::system_error(errno, std::generic_category());
  return std::unique_ptr<FILE, CloseFile>(opened);
}

using I = HPAFaissIndex;
using E = HPAFaissError;

const std::string version =
    std::to_string(FAISS_VERSION_MAJOR) + "." + std::to_string(FAISS_VERSION_MINOR) + "." + std::to_string(FAISS_VERSION_PATCH);

const HPAFaissTable table = {
    .abi_version = HPA_FAISS_ABI_VERSION,
    .size = sizeof(HPAFaissTable),
    .faiss_version = version.c_str(),

    .make =
        [](int64_t dimension, const char *factory, E *error) {
          return run(error, [&] {
            std::unique_ptr<faiss::Index> made(faiss::index_factory(int(dimension), factory, faiss::METRIC_INNER_PRODUCT));
            return new I{std::move(made)};
          });
        },
    .free = [](I *index) { delete index; },
    .dimension = [](const I *index) -> int64_t { return index->value->d; },
    .count = [](const I *index) -> int64_t { return index->value->ntotal; },

    .train =
        [](I *index, const float *rows, int64_t count, int32_t threads, E *error) {
          run(error, [&] {
            omp_set_num_threads(threads);
            index->value->train(count, rows);
          });
        },
    .add = [](I *index, const float *rows, int64_t count, E *error) { run(error, [&] { index->value->add(count, rows); }); },
    .set =
        [](I *index, const char *parameters, E *error) {
          run(error, [&] { faiss::ParameterSpace().set_index_parameters(index->value.get(), parameters); });
        },
    .search =
        [](const I *index, const float *queries, int64_t count, int64_t neighbours, int64_t *rows, float *products, E *error) {
          run(error, [&] { index->value->search(count, queries, neighbours, products, rows); });
        },

    .write =
        [](const I *index, int file, E *error) {
          run(error, [&] {
            auto opened = stream(file, "wb");
            faiss::FileIOWriter writer(opened.get());
            faiss::write_index(index->value.get(), &writer);
            if (std::fflush(opened.get()) != 0) throw std::system_error(errno, std::generic_category());
          });
        },
    .read =
        [](int file, E *error) {
          return run(error, [&] {
            auto opened = stream(file, "rb");
            faiss::FileIOReader reader(opened.get());
            std::unique_ptr<faiss::Index> read(faiss::read_index(&reader));
            return new I{std::move(read)};
          });
        },
};

}  // namespace

const HPAFaissTable *hpa_faiss_table(void) { return &table; }

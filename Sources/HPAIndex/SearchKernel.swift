import CSearchKernels
import Foundation
import HPACore

/// What the first pass of exact search is made of. All give the same answer.
public enum SearchKernel: String, Sendable, CaseIterable, Codable {
  /// Inner products of 8-bit codes by AVX-512 VNNI.
  case avx512
  /// The same by AVX2, with codes of 7 bits for the queries.
  case avx2
  /// Products of float32 matrices by OpenBLAS.
  case plain

  /// The variable that chooses a kernel: HPA_SEARCH_KERNEL=avx512|avx2|plain.
  public static let environmentName = "HPA_SEARCH_KERNEL"

  /// Whether this processor has what the kernel is made of.
  public var isSupported: Bool { self == .plain || functions != nil }

  /// The kernel that the environment names, else the fastest of this processor.
  ///
  /// - Parameter environment: that of the process where it is nil.
  /// - Throws: `usage` for an unknown name; `unavailable` for a kernel that this processor cannot run.
  public static func chosen(environment: [String: String]? = nil) throws -> SearchKernel {
    let environment = environment ?? ProcessInfo.processInfo.environment
    guard let name = environment[environmentName], !name.isEmpty else { return allCases.first(where: \.isSupported) ?? .plain }
    guard let kernel = SearchKernel(rawValue: name) else {
      throw Failure(
        .usage, "\(environmentName)=\(name) is no kernel",
        cure: "Use one of \(allCases.map(\.rawValue).joined(separator: ", ")), or leave it unset.")
    }
    guard kernel.isSupported else {
      throw Failure(.unavailable, "this processor cannot run the search kernel \(name)", cure: "Unset \(environmentName).")
    }
    return kernel
  }

  /// Nil for `plain`, and where the processor lacks the instructions.
  var functions: hpa_search_kernel? {
    switch self {
    case .avx512: hpa_search_avx512()?.pointee
    case .avx2: hpa_search_avx2()?.pointee
    case .plain: nil
    }
  }
}

import CLMDB
import Foundation

/// File systems of other computers: LMDB's locks and memory maps hold only among the programs of one computer.
enum NetworkFileSystem {
  /// By the number that statfs gives (linux/magic.h, and the file systems' own sources).
  private static let names: [UInt32: String] = [
    0x6969: "NFS", 0x517B: "SMB", 0xFF53_4D42: "CIFS", 0xFE53_4D42: "SMB2", 0x5346_414F: "AFS", 0x6B41_4653: "AFS", 0x0102_1997: "9P",
    0x00C3_6400: "Ceph", 0x0BD0_0BD0: "Lustre", 0x4750_4653: "GPFS", 0x1983_0326: "BeeGFS", 0x6573_5546: "FUSE", 0x7375_7245: "Coda",
  ]

  static func name(_ magic: UInt32) -> String? { names[magic] }

  /// The kind of the file system on which a folder lies, or its nearest parent that exists; nil for a local one.
  static func name(of path: String) -> String? {
    var folder = URL(filePath: path).standardizedFileURL
    while hpa_file_system(folder.path) == 0, folder.path != "/" { folder.deleteLastPathComponent() }
    return name(UInt32(truncatingIfNeeded: hpa_file_system(folder.path)))
  }
}

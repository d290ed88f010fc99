import CImageCodecs

/// What becomes of memory that is let go.
public enum FreedMemory {
  /// Blocks of up to 32 MiB that are let go stay with the process, 1 GiB of them at most, for the next image of the same size. Otherwise the C
  /// library gives them back, and the kernel has to clear the pages of every new image: that takes as long as decoding a TIFF.
  public static func keep() { hpa_keep_freed_memory(32 << 20, 1 << 30) }
}

"""What a file's name says of it (pure)."""

import re

EXECUTABLE = re.compile(
    r"\.(?:exe|scr|bat|cmd|com|pif|cpl|dll|js|jse|vbs|vbe|wsf|wsh|msi|msix|ps1|jar|lnk|hta|iso|img|vhdx?|chm|reg|apk|app|"
    r"dmg|pkg|sh|docm|dotm|xlsm|xltm|xlam|pptm)$",
    re.IGNORECASE,
)
"""Programs, and what may hold one."""

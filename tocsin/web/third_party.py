"""What do routes demand that other packages define? Each is listed; a new one of an update stops the start until somebody decides."""

from tocsin.accounts.permissions import Needs

PERMISSIONS: dict[str, Needs] = {
    # before anybody is known: each proves or limits by itself
    "account_login": Needs.PUBLIC,
    "account_logout": Needs.PUBLIC,
    "account_inactive": Needs.PUBLIC,
    "account_signup": Needs.PUBLIC,  # closed by accounts/adapters.py
    "account_confirm_login_code": Needs.PUBLIC,
    "account_email_verification_sent": Needs.PUBLIC,
    "account_confirm_email": Needs.PUBLIC,
    "account_reset_password": Needs.PUBLIC,
    "account_reset_password_done": Needs.PUBLIC,
    "account_reset_password_from_key": Needs.PUBLIC,
    "account_reset_password_from_key_done": Needs.PUBLIC,
    "mfa_authenticate": Needs.PUBLIC,
    "mfa_login_webauthn": Needs.PUBLIC,
    "socialaccount_login_cancelled": Needs.PUBLIC,
    "socialaccount_login_error": Needs.PUBLIC,
    "socialaccount_signup": Needs.PUBLIC,  # closed by accounts/adapters.py
    "openid_connect_login": Needs.PUBLIC,
    "openid_connect_callback": Needs.PUBLIC,
    # a person's own sign-in
    "account_reauthenticate": Needs.SELF,
    "account_email": Needs.SELF,
    "account_change_password": Needs.SELF,
    "account_set_password": Needs.SELF,
    "mfa_index": Needs.SELF,
    "mfa_reauthenticate": Needs.SELF,
    "mfa_activate_totp": Needs.SELF,
    "mfa_deactivate_totp": Needs.SELF,
    "mfa_view_recovery_codes": Needs.SELF,
    "mfa_generate_recovery_codes": Needs.SELF,
    "mfa_download_recovery_codes": Needs.SELF,
    "mfa_list_webauthn": Needs.SELF,
    "mfa_add_webauthn": Needs.SELF,
    "mfa_reauthenticate_webauthn": Needs.SELF,
    "mfa_remove_webauthn": Needs.SELF,
    "mfa_edit_webauthn": Needs.SELF,
    "socialaccount_connections": Needs.SELF,
    "usersessions_list": Needs.SELF,
}
